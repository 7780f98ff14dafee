{#- Removes the specs of runtimes and the runtimes from archives, once the service is stopped and config.toml no longer
    names them. Packages of runtimes stay: others may use them. #}
include:
  - containerd.service.clean
  - containerd.config.clean

containerd runtime specs are removed:
  file.absent:
    - name: /etc/containerd/base-specs
    - require:
      - sls: containerd.service.clean
      - sls: containerd.config.clean

containerd runtimes from archives are removed:
  file.absent:
    - name: /opt/containerd-formula/runtimes
    - require:
      - sls: containerd.service.clean
      - sls: containerd.config.clean
