{#- Stops and disables the service. Containers keep running: their shims do not need the daemon. #}
include:
  - containerd.settings

containerd service is stopped:
  service.dead:
    - name: containerd
    - enable: false
    - require:
      - sls: containerd.settings
