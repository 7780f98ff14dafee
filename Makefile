# make try        a throwaway machine becomes a Kubernetes node before your eyes (KEEP=1 leaves it, make try-clean ends it;
#                 KUBERNETES=1 joins it to a cluster): 5 to 15 minutes
# make test       lint, unit and functional tests, and tests against the newest real containerd: 6 minutes
# make test-rest  what make test leaves out: older containerds, what takes long, and other Salts: 20 minutes
# make test-node  virtual machines and containers with their own systemd, from bare to ready to clean: 30 minutes
# make test-reliability  the faults of test-node in full: all mistakes, 30 killed runs, 5 power cuts, 50 changes: hours
# make test-fleet  rolls over twelve nodes with containerd 1.6, 1.7 and 2.1, with each Salt; FLEET=6 is half of them: 40 minutes
# make tour       docs/tour.md from its first command to its last: a master and three nodes; TOUR=write writes it anew: 6 minutes
# make test-matrix  Debian suites x Salt x containerd on virtual machines; one table, and that of docs/testing.md is held against it: hours
# make test-kubernetes  a kubelet, an API server and kubeadm of Debian's source judge nodes that the formula made: 30 minutes
# make kitchen    Test Kitchen in Docker; KITCHEN=distro-debian-12 says which instances (needs Docker and Bundler)
# make apply      apply the formula to this very machine, with the pillar in PILLAR
# make samples    write the samples of output in README and docs anew
# make bench      the formula beside a no-op state, Salt's own states and Ansible (FIGURES=write writes docs/figures.md): 15 minutes;
#                 and what a roll over 250 nodes costs (make bench-fleet: that alone)
# make release-check  whether this commit can be released: number, stamps, tag, changelog, support, pages, archive
#
# The times are those of 2 cores without hardware virtualisation, after the images are made (5 minutes more).
# All that these need goes into .venv and .cache here, and apt packages where a tool is missing.

SHELL = /bin/sh
PYTHON ?= python3
# The newest Salt releases that resolve from PyPI today; the first one is the one to try and to apply with.
SALTS ?= 3006.28 3008.3
SALT ?= $(firstword $(SALTS))
SUITE ?= bookworm
PILLAR ?= /srv/pillar
# A file stays on one worker: its tests share minions.
PARALLEL ?= --numprocesses=auto --dist=loadfile
# Half of their time these wait for masters and minions. They run in their order: the longest file first.
WAITING ?= --numprocesses=$$((2 * $$(nproc))) --dist=loadfile --no-loadscope-reorder
# Three machines at a time; the tests of a file share theirs.
MACHINES ?= --numprocesses=3 --dist=loadfile --no-loadscope-reorder --verbose

LAB_TOOLS = qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils debootstrap:debootstrap depmod:kmod gpg:gnupg \
	openssl:openssl cpio:cpio busybox:busybox-static ssh:openssh-client mkfs.ext4:e2fsprogs \
	rpmbuild:rpm createrepo_c:createrepo-c systemd-nspawn:systemd-container slirp4netns:slirp4netns ip:iproute2 \
	/usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
TEST_TOOLS = /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring gpg:gnupg sqv:sqv rpmkeys:rpm \
	dnf:dnf createrepo_c:createrepo-c bwrap:bubblewrap ip:iproute2 git:git ruby:ruby systemd-analyze:systemd \
	qemu-aarch64:qemu-user depmod:kmod busybox:busybox-static openssl:openssl
# 3008 has a dependency without a wheel.
BUILD_TOOLS = cc:gcc /usr/include/stdlib.h:libc6-dev

KUBERNETES_TOOLS = rsync:rsync jq:jq dpkg-source:dpkg-dev patch:patch make:make

.PHONY: help try try-clean apply test test-tools lint test-node test-reliability test-matrix test-kubernetes tour kitchen samples bench stamp release-check test-rest test-fleet bench-fleet clean
.DELETE_ON_ERROR:

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

try: .venv/lab/done
	@test/tools/install $(LAB_TOOLS) $(if $(KUBERNETES),$(KUBERNETES_TOOLS))
	@PYTHONPATH=$(CURDIR)/_utils:$(CURDIR)/test .venv/lab/bin/python test/tools/demo.py --suite $(SUITE) --salt $(SALT) \
	  $(if $(KEEP),--keep) $(if $(KUBERNETES),--kubernetes)

try-clean: .venv/lab/done
	@PYTHONPATH=$(CURDIR)/_utils:$(CURDIR)/test .venv/lab/bin/python -m lab end --name try

# The formula alone: Salt walks all of its file root, .venv too.
apply:
	@test "$$(id -u)" = 0 || { echo "make apply: changes this machine, so it needs root." >&2; exit 1; }
	@test "$$(cat /proc/1/comm)" = systemd || \
	  { echo "make apply: PID 1 here is $$(cat /proc/1/comm), not systemd: no service can be managed." >&2; exit 1; }
	@$(MAKE) --no-print-directory .venv/salt-$(SALT)/done
	@rm -rf .cache/file_root && mkdir -p .cache/file_root && cp -R containerd _modules _runners _states _utils .cache/file_root/
	.venv/salt-$(SALT)/bin/salt-call --local --file-root $(CURDIR)/.cache/file_root --pillar-root $(PILLAR) \
	  --retcode-passthrough state.apply containerd

test: lint .venv/salt-$(SALT)/done
	@$(MAKE) --no-print-directory test-tools
	@echo "Left out: older releases of containerd, other Salts, and what takes long. make test-rest has them."
	PART=quick .venv/salt-$(SALT)/bin/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

test-rest: $(SALTS:%=.venv/salt-%/done)
	@$(MAKE) --no-print-directory test-tools
	PART=rest .venv/salt-$(SALT)/bin/python -m pytest $(WAITING) $(PYTEST_ARGS)
	set -e; for salt in $(filter-out $(SALT),$(SALTS)); do \
	  echo "What depends on Salt, with $$salt. Left out: other folders, and tests marked once; they ran with $(SALT)."; \
	  CONTAINERD_RELEASES=2.1.9 .venv/salt-$$salt/bin/python -m pytest test/functional -m "not once" $(WAITING) $(PYTEST_ARGS); done

# What the tests of make test call; other people's CI asks for no more.
test-tools:
	@test/tools/install $(TEST_TOOLS) $(BUILD_TOOLS)

lint: .venv/salt-$(SALT)/done
	.venv/salt-$(SALT)/bin/ruff check .
	.venv/salt-$(SALT)/bin/ruff format --check .
	.venv/salt-$(SALT)/bin/yamllint --strict .
	.venv/salt-$(SALT)/bin/salt-lint $$(git ls-files '*.sls' '*.jinja')

test-node: .venv/lab/done
	@test/tools/install $(LAB_TOOLS)
	@echo "Of test_life.py Salt $(firstword $(SALTS)) alone, and one power cut: make test-reliability has the others."
	@echo "Of test_rolls.py three nodes, and what they can show: make test-fleet has the others."
	FLEET=3 SALTS="$(SALTS)" .venv/lab/bin/python -m pytest test/node -m "not fleet_whole" $(MACHINES) $(PYTEST_ARGS)

FLEET ?= 12
test-fleet: .venv/lab/done $(SALTS:%=.venv/salt-%/done)
	@test/tools/install $(LAB_TOOLS)
	FLEET=$(FLEET) FLEET_SALTS="$(SALTS)" SALTS="$(SALTS)" \
	  .venv/lab/bin/python -m pytest test/node/test_rolls.py --verbose $(PYTEST_ARGS)
	set -e; for salt in $(filter-out $(SALT),$(SALTS)); do \
	  .venv/salt-$$salt/bin/python -m pytest test/functional/test_roll*.py $(PYTEST_ARGS); done

# TOUR=write writes what was printed, and how long it took, into the page.
TOUR ?=
tour: .venv/lab/done
	@test/tools/install $(LAB_TOOLS)
	TOUR=$(TOUR) SALTS="$(SALT)" .venv/lab/bin/python -m pytest test/tour --verbose $(PYTEST_ARGS)

test-reliability: .venv/lab/done
	@test/tools/install $(LAB_TOOLS)
	ROWS=99 KILLS=30 POWER_CUTS=5 CHANGES=50 LIFE_SALTS="$(SALTS)" SALTS="$(SALTS)" \
	  .venv/lab/bin/python -m pytest $(MACHINES) $(PYTEST_ARGS) \
	  test/node/test_life.py test/node/test_reliability.py test/node/test_damage.py \
	  test/node/test_interrupted.py test/node/test_power.py

test-matrix: .venv/lab/done
	@test/tools/install $(LAB_TOOLS)
	@PYTHONPATH=$(CURDIR)/_utils:$(CURDIR)/test .venv/lab/bin/python test/tools/matrix.py --salts "$(SALTS)" $(MATRIX)

# The first time it builds Kubernetes: 10 minutes and 4 GB of disk more.
test-kubernetes: .venv/lab/done
	@test/tools/install $(LAB_TOOLS) $(KUBERNETES_TOOLS)
	SALTS="$(SALT)" .venv/lab/bin/python -m pytest test/kubernetes --verbose $(PYTEST_ARGS)

# Which instances: a name or a part of one, or all.
KITCHEN ?=
kitchen:
	@test/kitchen/needs
	@$(MAKE) --no-print-directory .venv/lab/done
	BUNDLE_PATH=$(CURDIR)/.cache/gems bundle install --quiet
	BUNDLE_PATH=$(CURDIR)/.cache/gems bundle exec kitchen test $(KITCHEN)

stamp:
	@PYTHONPATH=$(CURDIR)/_utils:$(CURDIR)/test $(PYTHON) test/tools/stamp.py

release-check: .venv/salt-$(SALT)/done
	@PYTHONPATH=$(CURDIR)/_utils:$(CURDIR)/test .venv/salt-$(SALT)/bin/python test/tools/release_check.py

samples: .venv/salt-$(SALT)/done
	SAMPLES=write CONTAINERD_RELEASES=2.1.9 .venv/salt-$(SALT)/bin/python -m pytest -q test/functional/test_samples.py

# FIGURES=write records what was measured, and writes docs/figures.md.
FIGURES ?=
ROUNDS ?= 5
bench: .venv/salt-$(SALT)/done .venv/ansible/done
	@test/tools/install $(LAB_TOOLS) bwrap:bubblewrap
	@PYTHONPATH=$(CURDIR)/_utils:$(CURDIR)/test .venv/salt-$(SALT)/bin/python test/tools/bench.py --salts "$(SALTS)" \
	  --suite $(SUITE) --rounds $(ROUNDS) $(if $(filter write,$(FIGURES)),--write)
	@$(MAKE) --no-print-directory bench-fleet

# BENCH="--nodes 50 100" are other numbers of nodes.
bench-fleet: .venv/salt-$(SALT)/done .venv/ansible/done
	@PYTHONPATH=$(CURDIR)/_utils:$(CURDIR)/test .venv/salt-$(SALT)/bin/python test/tools/bench_fleet.py $(BENCH)

.venv/ansible/done: test/requirements-ansible.txt
	@test/tools/install $(PYTHON):python3 ensurepip:python3-venv
	$(PYTHON) -m venv .venv/ansible
	.venv/ansible/bin/pip install --quiet --requirement test/requirements-ansible.txt
	@touch $@

.venv/lab/done: test/requirements-lab.txt
	@test/tools/install $(PYTHON):python3 ensurepip:python3-venv
	$(PYTHON) -m venv .venv/lab
	.venv/lab/bin/pip install --quiet --requirement test/requirements-lab.txt
	@touch $@

.venv/salt-%/done: test/requirements.txt
	@test/tools/install $(PYTHON):python3 ensurepip:python3-venv $(if $(filter 3008%,$*),$(BUILD_TOOLS) Python.h:python3-dev)
	$(PYTHON) -m venv .venv/salt-$*
	.venv/salt-$*/bin/pip install --quiet salt==$* --requirement test/requirements.txt
	@touch $@

clean:
	rm -rf .venv .cache .kitchen .nox .pytest_cache .ruff_cache .hypothesis
