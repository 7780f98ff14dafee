{#- A systemd drop-in with environment, limits and directives of the site; none where there are none. A change
    restarts the service. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}

include:
  - containerd.package
  - containerd.salt

containerd service settings are managed:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_unit.managed:
    - environment: {{ containerd.service.environment | json(sort_keys=False) }}
    - limits: {{ containerd.service.limits | json(sort_keys=False) }}
    - directives: {{ containerd.service.directives | json(sort_keys=False) }}
    - require:
      - sls: containerd.package.install
      - sls: containerd.salt.modules
      # What makes TOML's changes readable makes these readable, too.
      - sls: containerd.salt.library
{%- endif %}
