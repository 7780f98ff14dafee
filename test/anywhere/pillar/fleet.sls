# What every node gets.
containerd:
  package:
    source: distro
  config:
    version: 2
    oom_score: -100
    plugins:
      io.containerd.grpc.v1.cri:
        sandbox_image: example.org/fleet:1
        max_container_log_line_size: 32768
  # The oldest node of the fleet, with 1.4, does not have it.
  config_for:
    '>=1.5':
      version: 2
      plugins:
        io.containerd.grpc.v1.cri:
          registry:
            config_path: /etc/containerd/fleet.d
