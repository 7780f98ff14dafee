{#- Docker's apt repository, and its key in a keyring of its own that only this repository trusts. #}
include:
  - containerd.package.repo.install
