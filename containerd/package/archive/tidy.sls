{#- Removes the releases that are not in use, once the one in use is ready. #}
{%- from "containerd/map.jinja" import preview with context %}

include:
  - containerd.service.ready

containerd old archives are removed:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_archive.tidied:
    - require:
      - sls: containerd.service.ready
{%- endif %}
