{#- Installs containerd from the source in pillar: Docker's repository, the distribution, an archive, or none. Without
    one the vendor of the installed package stays. The scripts of a package enable and start the service, and restart
    it on an upgrade; so does the switch to another archive. In an image build (service:manage: false) none starts it. #}
{%- from "containerd/map.jinja" import containerd, source_is with context %}

include:
  - containerd.pillar
  - containerd.salt.modules
{%- if containerd.package.hold_needs %}

# If pillar holds a package.
containerd package can be held:
  containerd_package.can_hold:
    - needs: {{ containerd.package.hold_needs | json }}
    - hold: {{ containerd.package.hold | json }}
    - runtimes: {{ containerd.runtimes | json(sort_keys=False) }}
    - require:
      - sls: containerd.pillar
      - sls: containerd.salt.modules
    - require_in:
      - containerd package is installed
{%- endif %}

{% include "containerd/package/" ~ containerd.package.source ~ ".jinja" %}
