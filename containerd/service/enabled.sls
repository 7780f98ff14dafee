{#- Started at boot. A state of its own: service.running that enables reports a change, and then Salt leaves out
    the restart. #}
{%- from "containerd/map.jinja" import preview with context %}

include:
  - containerd.config.file

containerd service is enabled:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd.enabled:
    - require:
      - sls: containerd.config.file
{%- endif %}
