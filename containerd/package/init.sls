{#- containerd from the source that the site trusts: Docker's repository, the distribution, an archive, or none. #}
include:
  - containerd.package.install
