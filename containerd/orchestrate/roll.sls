{#- For the master: the formula is rolled over a fleet, as pillar `containerd_roll` has it.

    salt-run state.orchestrate containerd.orchestrate.roll pillar='{"containerd_roll": {"tgt": "node*"} }'
-#}
containerd is rolled over the fleet:
  containerd_fleet.rolled:
    - roll: {{ salt["pillar.get"]("containerd_roll", {}) | json(sort_keys=False) }}
