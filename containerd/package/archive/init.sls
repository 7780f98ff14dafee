{#- Upstream's release: fetched, checked by its hash and unpacked beside the one in use, then the unit file, then
    the switch, which restarts a running service as a package would. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}
{%- set archive = containerd.package.archive %}

include:
  - containerd.settings
  - containerd.salt.modules

containerd archive is unpacked:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_archive.unpacked:
    - releases:
        containerd:
          version: {{ containerd.package.version | json }}
          url: {{ archive.url | json }}
          sha256: {{ archive.sha256 | json }}
{%- if archive.runc.version %}
        runc: {{ archive.runc | json }}
{%- endif %}
{%- endif %}
    - require:
      - sls: containerd.settings
      - sls: containerd.salt.modules

containerd archive has a unit file:
  file.managed:
    - name: /usr/local/lib/systemd/system/containerd.service
    - source: salt://containerd/package/archive/containerd.service
    - mode: '0644'
    - makedirs: true
    - require:
      - containerd archive is unpacked
