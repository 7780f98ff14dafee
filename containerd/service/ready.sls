{#- Waits until the daemon answers and its CRI plugins are ok: systemd cannot see a failed CRI plugin. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}

include:
  - containerd.service.running

containerd is ready:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd.ready:
    - timeout: {{ containerd.service.ready_timeout }}
    - require:
      - sls: containerd.service.running
{%- endif %}
