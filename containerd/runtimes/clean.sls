{#- Removes the specs of runtimes and the runtimes from archives, once the service is stopped and config.toml no longer
    names them. Packages of runtimes stay: others may use them. So does an archive that a running container needs. #}
include:
  - containerd.service.clean
  - containerd.config.clean
  - containerd.salt.modules

containerd runtime specs are removed:
  file.absent:
    - name: /etc/containerd/base-specs
    - require:
      - sls: containerd.service.clean
      - sls: containerd.config.clean

containerd proofs of runtimes are removed:
  file.absent:
    - name: /var/lib/containerd-formula/proved.json
    - require:
      - sls: containerd.service.clean
    # They take the folder: a preview tells this one, too.
    - require_in:
      - file: containerd copies are removed

containerd runtimes from archives are removed:
  containerd_runtimes.removed:
    - name: /opt/containerd-formula/runtimes
    - require:
      - sls: containerd.service.clean
      - sls: containerd.config.clean
      - sls: containerd.salt.modules
