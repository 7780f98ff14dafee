{#- Installs containerd from the source in pillar: Docker's repository, the distribution, an archive, or none. Without
    one the vendor of the installed package stays. The scripts of a package enable and start the service, and restart
    it on an upgrade; so does the switch to another archive. #}
{%- from "containerd/map.jinja" import containerd, source_is with context %}

include:
  - containerd.pillar
  - containerd.salt.modules
{%- set runtimes = containerd.runtimes.values() | select("mapping") | selectattr("hold", "defined") %}
{%- set holds = containerd.package.hold or (runtimes | selectattr("hold") | list) %}
{%- if holds and containerd.package.hold_needs %}

containerd package can be held:
  pkg.installed:
    - pkgs: {{ containerd.package.hold_needs | json }}
    - require:
      - sls: containerd.pillar
    - require_in:
      - containerd package is installed
{%- endif %}

{% include "containerd/package/" ~ containerd.package.source ~ ".jinja" %}
