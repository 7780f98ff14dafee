{#- Undoes the formula, in reverse order. Images, containers and volumes (/var/lib/containerd) stay. #}
include:
  - containerd.tools.clean
  - containerd.images.clean
  - containerd.service.clean
  - containerd.config.clean
  - containerd.runtimes.clean
  - containerd.registries.clean
  - containerd.salt.clean
  - containerd.package.clean
  - containerd.kernel.clean
