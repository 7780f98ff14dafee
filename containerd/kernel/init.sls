{#- The kernel modules and sysctls that Kubernetes needs, now and at boot. #}
include:
  - containerd.kernel.modules
  - containerd.kernel.sysctl
