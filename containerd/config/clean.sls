{#- Removes config.toml. containerd then runs on its own defaults. #}
include:
  - containerd.service.clean

containerd configuration is removed:
  file.absent:
    - names:
      - /etc/containerd/config.toml
      - /etc/containerd/config.toml.previous
    - require:
      - sls: containerd.service.clean
