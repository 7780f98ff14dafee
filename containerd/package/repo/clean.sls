{#- Removes Docker's repository and its key, whatever the source is now, and restores the sources that were commented
    out for it. A repository that somebody else wrote stays, and so does a key that another source needs. #}
{%- from "containerd/map.jinja" import containerd with context %}
{%- set repository = containerd.package.repository %}

include:
  - containerd.pillar
  - containerd.salt.modules

containerd repository is removed:
  file.absent:
    - name: {{ repository.file | json }}
    - onlyif:
      - fun: file.contains
        path: {{ repository.file | json }}
        text: '# Managed by Salt (containerd-formula).'
    - require:
      - sls: containerd.pillar

containerd repository key is removed:
  containerd_sources.key_removed:
    - name: {{ repository.key | json }}
    - own: {{ repository.file | json }}
    - require:
      - sls: containerd.salt.modules
      - containerd repository is removed

containerd repository rivals are restored:
  containerd_sources.rivals_restored:
    - own: {{ repository.file | json }}
    - require:
      - sls: containerd.salt.modules
      - containerd repository is removed
