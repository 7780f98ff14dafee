{#- containerd itself, by pillar `package:source`. A package's own scripts enable and start the service, and
    restart it on an upgrade. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}
{%- set source = containerd.package.source %}

include:
  - containerd.settings
  - containerd.salt.modules
{%- if source == "docker" %}
  - containerd.package.repo
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
{%- else %}
  containerd_package.installed:
    - packages: {{ containerd.package[source].packages | json }}
    - version: {{ containerd.package.version | json }}
    - hold: {{ containerd.package.hold | json }}
{%- if source == "docker" %}
    - repository: {{ (containerd.package.docker.url ~ "/" ~ containerd.package.docker.distributions[grains.os]) | json }}
{%- endif %}
{%- endif %}
    - require:
      - sls: containerd.settings
      - sls: containerd.salt.modules
{%- if source == "docker" %}
      - sls: containerd.package.repo.install
{%- endif %}
