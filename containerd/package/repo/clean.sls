{#- Removes Docker's repository and its key. #}
include:
  - containerd.settings

containerd repository is removed:
  file.absent:
    - name: /etc/apt/sources.list.d/docker.sources
    - require:
      - sls: containerd.settings

containerd repository key is removed:
  file.absent:
    - name: /etc/apt/keyrings/docker.asc
    - require:
      - containerd repository is removed
