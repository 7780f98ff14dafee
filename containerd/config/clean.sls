{#- Removes config.toml. containerd then runs on its own defaults. #}
include:
  - containerd.service.clean

containerd configuration is removed:
  file.absent:
    - name: /etc/containerd/config.toml
    - require:
      - sls: containerd.service.clean
