{#- Makes the node ready for Kubernetes: the whole formula. #}
include:
  - containerd.kernel
  - containerd.package
  - containerd.salt
  - containerd.registries
  - containerd.config
  - containerd.service
  - containerd.images
