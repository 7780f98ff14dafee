{#- Takes the formula's label and pin from the images that it imported. They stay, as /var/lib/containerd does; kubelet may
    remove them then. It needs the daemon, so it comes before containerd.service.clean. #}
include:
  - containerd.pillar
  - containerd.salt.modules

containerd images are released:
  containerd_images.released:
    - require:
      - sls: containerd.pillar
      - sls: containerd.salt.modules
