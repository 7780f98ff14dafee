{#- /etc/containerd/config.toml. #}
include:
  - containerd.config.file
