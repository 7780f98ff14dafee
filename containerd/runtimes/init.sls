{#- Runtimes of pods: their packages and archives, the specs that their containers begin with, and the proof that they
    can be used. containerd.config brings it where pillar names a runtime, before config.toml, which names it too. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.package
  - containerd.salt
{%- if containerd.runtimes %}

containerd runtimes are installed:
  containerd_runtimes.installed:
    - name: /opt/containerd-formula/runtimes
    - runtimes: {{ containerd.runtimes | json(sort_keys=False) }}
    - source: {{ containerd.package.source | json }}
    - require:
      - sls: containerd.package
      - sls: containerd.salt
{%- endif %}

containerd runtime specs are managed:
  containerd_runtimes.specs_managed:
    - name: /etc/containerd/base-specs
    - runtimes: {{ containerd.runtimes | json(sort_keys=False) }}
    - require:
      - sls: containerd.package
      - sls: containerd.salt
{%- if containerd.runtimes %}

# A runtime that cannot be used leaves daemon and node healthy until a pod starts.
containerd runtimes can be used:
  containerd_runtimes.proved:
    - runtimes: {{ containerd.runtimes | json(sort_keys=False) }}
    - require:
      - containerd runtimes are installed
      - containerd runtime specs are managed
{%- endif %}
