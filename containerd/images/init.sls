{#- Images that the node has without a registry, such as the sandbox image: imported from pinned archives, once the
    daemon is ready. In an image build (service:manage: false) nothing is imported. This restarts nothing. #}
{%- from "containerd/map.jinja" import containerd with context %}
{%- set service = containerd.service %}

include:
  - containerd.service

containerd images are imported:
  containerd_images.imported:
    - images: {{ containerd.images | json(sort_keys=False) }}
    - cri: {{ service.cri | json }}
    - manage: {{ service.manage | json }}
    - require:
      - sls: containerd.service
