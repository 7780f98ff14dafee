# What node-a gets on top of that.
containerd:
  config:
    oom_score: -500
    plugins:
      io.containerd.grpc.v1.cri:
        sandbox_image: example.org/own:1
