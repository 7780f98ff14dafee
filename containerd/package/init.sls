{#- containerd from the source that the site trusts: Docker's repository, the distribution, an archive, or none; where
    pillar says nothing, from the vendor whose package is installed. A package's own scripts enable and start the service,
    and restart it on an upgrade; so does the switch to another archive. #}
{%- from "containerd/map.jinja" import containerd, source_is with context %}

include:
  - containerd.pillar
  - containerd.salt.modules
{%- if containerd.package.hold and containerd.package.hold_needs %}

containerd package can be held:
  pkg.installed:
    - pkgs: {{ containerd.package.hold_needs | json }}
    - require:
      - sls: containerd.pillar
    - require_in:
      - containerd package is installed
{%- endif %}

{% include "containerd/package/" ~ containerd.package.source ~ ".jinja" %}
