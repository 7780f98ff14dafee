{#- Removes the files that load the modules and set the sysctls at boot. The running kernel stays as it is: others may
    need it. #}
include:
  - containerd.pillar

containerd kernel modules are not loaded at boot:
  file.absent:
    - name: /etc/modules-load.d/containerd.conf
    - require:
      - sls: containerd.pillar

containerd sysctls are not set at boot:
  file.absent:
    - name: /etc/sysctl.d/99-kubernetes-cri.conf
    - require:
      - sls: containerd.pillar
