{#- The formula's own modules and library: synced while this renders, and only here, where the minion has none or those
    of another release. Salt's highstate does so, too. Thereby the first test=True is the whole preview.
    `release` is written by make stamp. #}
{%- set release = "0.1.0+1a7195e2" %}
{%- set synced = "containerd.release" in salt and salt["containerd.release"]() == release
      and salt["containerd_salt.states_are_ours"]() %}
{%- if not synced %}
{#-   A sync removes what comes from other saltenvs: so base means those of the top file, as for Salt itself, and another
      saltenv is laid over base. Refreshed is by the state below: in this moment, a minion without multiprocessing
      would take its grains away from this run (3008). #}
{%-   set saltenvs = none if saltenv == "base" else "base," ~ saltenv %}
{#-   The modules last: what tells the release is one of them. #}
{%-   for kind in ("utils", "states", "modules") %}
{%-     do salt["saltutil.sync_" ~ kind](saltenv=saltenvs, refresh=False) %}
{%-   endfor %}
{%- endif %}

include:
  - containerd.pillar

containerd Salt modules are loaded:
  test.nop:
    - name: {{ release }}
{%- if not synced %}
    # Not reload_modules, which asks for changes.
    - force_reload_modules: true
{%- endif %}
    - require:
      - sls: containerd.pillar

# Somebody else's module of the same name would take the place of ours, whatever is synced.
containerd Salt modules are synced:
  containerd_salt.synced:
    - name: {{ release }}
    - require:
      - containerd Salt modules are loaded
