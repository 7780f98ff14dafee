{#- The package. Its own scripts enable and start the service. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.settings
{%- if containerd.package.source == "docker" %}
  - containerd.package.repo
{%- endif %}

containerd package is installed:
  pkg.installed:
    - name: {{ containerd.package[containerd.package.source].name | json }}
    - require:
      - sls: containerd.settings
{%- if containerd.package.source == "docker" %}
      - sls: containerd.package.repo
{%- endif %}
