{#- The key, checked by its hash, and the repository that names it in signed-by. pkg.installed refreshes. #}
{%- from "containerd/map.jinja" import containerd with context %}
{%- set docker = containerd.package.docker %}

include:
  - containerd.settings

containerd repository key is installed:
  file.managed:
    - name: /etc/apt/keyrings/docker.asc
    - source: {{ docker.key_url | json }}
    - source_hash: {{ docker.key_sha256 | json }}
    - mode: '0644'
    - makedirs: true
    - require:
      - sls: containerd.settings

containerd repository is configured:
  file.managed:
    - name: /etc/apt/sources.list.d/docker.sources
    - contents: |
        # Managed by Salt (containerd-formula).
        Types: deb
        URIs: {{ docker.url }}/{{ grains.os | lower }}
        Suites: {{ grains.oscodename }}
        Components: {{ docker.channel }}
        Architectures: {{ grains.osarch }}
        Signed-By: /etc/apt/keyrings/docker.asc
    - mode: '0644'
    - require:
      - containerd repository key is installed
