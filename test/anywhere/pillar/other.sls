# What node-b gets, and node-a does not.
containerd:
  config:
    oom_score: -300
    plugins:
      io.containerd.grpc.v1.cri:
        max_container_log_line_size: 65536
        registry:
          config_path: /etc/containerd/other.d
