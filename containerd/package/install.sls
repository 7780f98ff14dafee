{#- containerd itself, by pillar `package:source`. A package's own scripts enable and start the service, and
    restart it on an upgrade; so does the switch to another archive. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}
{%- set source = containerd.package.source %}
{%- set unit = "/usr/local/lib/systemd/system/containerd.service" %}

include:
  - containerd.settings
  - containerd.salt.modules
{%- if source == "docker" %}
  - containerd.package.repo
{%- elif source == "archive" %}
  - containerd.package.archive
{%- endif %}
{%- if containerd.package.hold and containerd.package.hold_needs %}

containerd package can be held:
  pkg.installed:
    - pkgs: {{ containerd.package.hold_needs | json }}
    - require:
      - sls: containerd.settings
    - require_in:
      - containerd package is installed
{%- endif %}

containerd package is installed:
{%- if source == "none" %}
  test.nop:
{%- elif preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- elif source == "archive" %}
  containerd_archive.in_use:
    - releases:
        containerd:
          version: {{ containerd.package.version | json }}
{%- if containerd.package.archive.runc.version %}
        runc:
          version: {{ containerd.package.archive.runc.version | json }}
{%- endif %}
{%- else %}
  containerd_package.installed:
    - packages: {{ containerd.package[source].packages | json }}
    - version: {{ containerd.package.version | json }}
    - hold: {{ containerd.package.hold | json }}
{%- if source == "docker" %}
    - repository: {{ (containerd.package.docker.url ~ "/" ~ containerd.package.docker.distributions.get(grains.os)) | json }}
{%- endif %}
{%- endif %}
    - require:
      - sls: containerd.settings
      - sls: containerd.salt.modules
{%- if source == "docker" %}
      - sls: containerd.package.repo.install
{%- elif source == "archive" %}
      - sls: containerd.package.archive
{%- endif %}
{%- if source in ("docker", "distro") %}

# It would come before the package's in PATH.
containerd archive is not in use:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_archive.absent:
    - name: {{ unit | json }}
{%- endif %}
    - require:
      - containerd package is installed
{%- endif %}
