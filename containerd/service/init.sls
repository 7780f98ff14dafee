{#- Writes the unit's drop-in, enables and starts the daemon, waits until its CRI is ready, and rolls back if it is not.
    In an image build (service:manage: false) it enables the service and starts nothing. #}
{%- from "containerd/map.jinja" import containerd with context %}
{%- set service = containerd.service %}

include:
  - containerd.pillar
  - containerd.package
  - containerd.salt
  - containerd.config
{%- if service.manage and containerd.package.source == "archive" %}
  - containerd.package.tidy
{%- endif %}
{%- if containerd.tools.crictl.manage or containerd.tools.nerdctl.manage or containerd.tools.completion %}
  - containerd.tools
{%- endif %}

containerd service drop-in is managed:
  containerd_service.managed:
    - environment: {{ service.environment | json(sort_keys=False) }}
    - limits: {{ service.limits | json(sort_keys=False) }}
    - directives: {{ service.directives | json(sort_keys=False) }}
    - require:
      - sls: containerd.package
      - sls: containerd.salt

# A separate state: a service.running that enables reports a change, and then Salt leaves out the restart.
containerd service is enabled:
  containerd.enabled:
    - require:
      - sls: containerd.config
{%- if service.manage %}

# Restarts once if the data of config.toml or the drop-in changed. With restart: manual nothing restarts, and each run
# says that a restart is pending.
containerd service is running:
  service.running:
    - name: containerd
    - require:
      - sls: containerd.pillar
      - containerd service is enabled
{%- if service.restart == "auto" %}
    - watch:
{%- endif %}
      - containerd configuration is managed
      - containerd service drop-in is managed

# If the last run was killed between write and restart, this run changes nothing that would restart the daemon.
containerd service runs with its configuration:
  containerd.restarted:
    - restart: {{ service.restart | json }}
    - require:
      - containerd service is running

# systemd cannot see a failed CRI plugin. Without service:cri a daemon that answers is ready.
containerd is ready:
  containerd.ready:
    - timeout: {{ service.ready_timeout }}
    - cri: {{ service.cri | json }}
    - require:
      - containerd service is running
      - containerd service runs with its configuration
{%- if containerd.runtimes %}

# On a bare node no daemon could start a container before. Else this does nothing.
containerd runtimes are proved:
  containerd_runtimes.proved:
    - runtimes: {{ containerd.runtimes | json(sort_keys=False) }}
    - require:
      - containerd is ready
{%- endif %}

# Archives of runtimes that neither the configuration nor a container needs now, also where pillar names none any more.
containerd old runtimes are removed:
  containerd_runtimes.tidied:
    - name: /opt/containerd-formula/runtimes
    - runtimes: {{ containerd.runtimes | json(sort_keys=False) }}
    - require:
      - containerd is ready

# If the daemon does not come up with a change, the last good configuration goes back.
containerd configuration is rolled back:
  containerd.rolled_back:
    - restart: {{ service.restart | json }}
    - timeout: {{ service.ready_timeout }}
    - cri: {{ service.cri | json }}
    - require:
      - sls: containerd.salt.modules
    - onfail:
      - containerd service is running
      - containerd service runs with its configuration
      - containerd is ready
{%- else %}

# What this run cannot prove.
containerd is not started:
  test.succeed_without_changes:
    - comment: >-
        containerd:service:manage is false: nothing was started. That the daemon gets ready with this configuration
        {{- ", and that a container starts in each runtime," if containerd.runtimes else "" }} was not proved: apply
        containerd on the booted node, with manage true.
    - require:
      - containerd service is enabled
{%- endif %}
