{#- Removes Docker's repository and its key, and gives back the sources that were set aside for it. A repository
    that somebody else wrote stays, and so does a key that another source needs. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}
{%- set repository = containerd.package.repository %}

include:
  - containerd.settings
  - containerd.salt.modules

containerd repository is removed:
  file.absent:
    - name: {{ repository.file | json }}
    - onlyif:
      - fun: file.contains
        path: {{ repository.file | json }}
        text: '# Managed by Salt (containerd-formula).'
    - require:
      - sls: containerd.settings

containerd repository key is removed:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_package.key_removed:
    - name: {{ repository.key | json }}
    - own: {{ repository.file | json }}
{%- endif %}
    - require:
      - sls: containerd.salt.modules
      - containerd repository is removed

containerd repository rivals are restored:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_package.rivals_restored:
    - own: {{ repository.file | json }}
{%- endif %}
    - require:
      - sls: containerd.salt.modules
      - containerd repository is removed
