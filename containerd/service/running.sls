{#- Enabled, running, and restarted when the data of config.toml changed. #}
include:
  - containerd.config.file

# A state of its own: service.running that enables reports a change, and then Salt leaves out the restart.
containerd service is enabled:
  service.enabled:
    - name: containerd
    - require:
      - sls: containerd.config.file

containerd service is running:
  service.running:
    - name: containerd
    - require:
      - containerd service is enabled
    - watch:
      - containerd configuration is managed
