{#- The daemon: enabled, running, and ready to serve CRI. #}
include:
  - containerd.service.running
  - containerd.service.ready
