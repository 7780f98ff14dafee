{#- Removes the package and its hold, or the archive, after the service is down, then the repository. Images and
    containers (/var/lib/containerd) stay. #}
{%- from "containerd/map.jinja" import containerd with context %}
{%- set source = containerd.package.source %}

include:
  - containerd.service.clean
  - containerd.config.clean
  - containerd.registries.clean
  - containerd.salt.modules
  - containerd.package.repo.clean

containerd package is removed:
{%- if source == "none" %}
  test.nop:
{%- elif source == "archive" %}
  containerd_archive.absent:
    - name: /usr/local/lib/systemd/system/containerd.service
{%- else %}
  containerd_package.removed:
    - packages: {{ containerd.package[source].packages | json }}
{%- endif %}
    - require:
      - sls: containerd.service.clean
      - sls: containerd.config.clean
      - sls: containerd.registries.clean
      - sls: containerd.salt.modules
    - require_in:
      - sls: containerd.package.repo.clean
