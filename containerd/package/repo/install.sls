{#- Docker's repository, and its key, checked by its fingerprint, in a file that only this repository trusts. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}
{%- set docker = containerd.package.docker %}
{%- set repository = containerd.package.repository %}
{%- set url = docker.url ~ "/" ~ docker.distributions.get(grains.os) %}
{%- set text -%}
# Managed by Salt (containerd-formula).
{%- if grains.os_family == "Debian" %}
Types: deb
URIs: {{ url }}
Suites: {{ docker.release or grains.oscodename }}
Components: {{ docker.channel }}
Architectures: {{ grains.osarch }}
Signed-By: {{ repository.key }}
{%- else %}
[docker-{{ docker.channel }}]
name=Docker {{ docker.channel }}
baseurl={{ url }}/{{ docker.release or "$releasever" }}/$basearch/{{ docker.channel }}
enabled=1
gpgcheck=1
gpgkey=file://{{ repository.key }}
{%- endif %}
{%- endset %}

include:
  - containerd.settings
  - containerd.salt.modules

containerd repository key is installed:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_key.managed:
    - name: {{ repository.key | json }}
    - source: {{ docker.key | json }}
    - fingerprints: {{ docker.fingerprints | json }}
{%- endif %}
    - require:
      - sls: containerd.settings
      - sls: containerd.salt.modules

{%- if grains.os_family == "Debian" %}

# A source that apt cannot use would spoil its every update.
containerd repository answers:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_package.repository_answers:
    - name: {{ repository.file | json }}
    - contents: {{ text | json }}
{%- endif %}
    - require:
      - containerd repository key is installed

# Before ours is there: with both, apt reads nothing at all.
containerd repository has no rival:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_package.rivals_set_aside:
    - uri: {{ url | json }}
    - suite: {{ (docker.release or grains.oscodename) | json }}
    - own: {{ repository.file | json }}
{%- endif %}
    - require:
      - containerd repository answers
    - require_in:
      - containerd repository is configured
{%- endif %}

containerd repository is configured:
  file.managed:
    - name: {{ repository.file | json }}
    - contents: {{ text | json }}
    # Somebody else may have written a file of this name: Docker's own instructions do.
    - backup: minion
    - mode: '0644'
    - makedirs: true
    - require:
      - containerd repository key is installed
