{#- The daemon: its unit's settings, enabled, running with its configuration, ready to serve CRI, or rolled back.
    Where an image is built (service:manage: false) it is enabled and nothing is started. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.service.settings
  - containerd.service.enabled
{%- if containerd.service.manage %}
  - containerd.service.running
  - containerd.service.ready
  - containerd.service.rolled_back
{%- endif %}
