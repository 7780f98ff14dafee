{#- Removes the formula's files from /etc/containerd/certs.d, after config.toml no longer names it. What others put there
    stays. #}
include:
  - containerd.config.clean
  - containerd.salt.modules

containerd registries are removed:
  containerd_registries.removed:
    - name: /etc/containerd/certs.d
    - require:
      - sls: containerd.config.clean
      - sls: containerd.salt.modules
