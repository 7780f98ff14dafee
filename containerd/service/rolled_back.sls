{#- Puts the last configuration that worked back where the daemon does not come up with the new one. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}

include:
  - containerd.salt.modules
  - containerd.service.running
  - containerd.service.ready

containerd configuration is rolled back:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd.rolled_back:
    - restart: {{ containerd.service.restart | json }}
    - timeout: {{ containerd.service.ready_timeout }}
    - require:
      - sls: containerd.salt.modules
    - onfail:
      - containerd service is running
      - containerd service runs with its configuration
      - containerd is ready
{%- endif %}
