"""An RTSP server on 127.0.0.1 with moving test pictures: /h264 and /mjpeg, 640x360, 15 frames a second.

Started by the system's Python, because the bindings (gi, GstRtspServer) come from the distribution.
Arguments: PORT (0 = any free one), then USER and PASSWORD when it shall demand a digest login.
It prints "port N" when it accepts connections.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

# format=I420: without it the JPEG payloader refuses what the encoder chooses, and DESCRIBE answers 503
PICTURE = (
    "videotestsrc is-live=true pattern=ball"
    " ! video/x-raw,width=640,height=360,framerate=15/1,format=I420"
)
PIPELINES = {
    "/h264": f"( {PICTURE} ! x264enc tune=zerolatency speed-preset=ultrafast"
    " key-int-max=15 ! rtph264pay name=pay0 pt=96 config-interval=1 )",
    "/mjpeg": f"( {PICTURE} ! jpegenc ! rtpjpegpay name=pay0 pt=26 )",
}


def demand_digest_login(server, user, password):
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)


def add_stream(server, path, pipeline, closed):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline)
    factory.set_shared(True)
    if closed:
        factory.add_role_from_structure(viewer_role())
    server.get_mount_points().add_factory(path, factory)


def viewer_role():
    role = Gst.Structure.new_empty("viewer")
    for permission in ("media.factory.access", "media.factory.construct"):
        role.set_value(permission, True)
    return role


def main(port, credentials):
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    if credentials:
        demand_digest_login(server, *credentials)
    for path, pipeline in PIPELINES.items():
        add_stream(server, path, pipeline, closed=bool(credentials))
    if not server.attach(None):
        sys.exit(f"the RTSP server could not bind port {port} of 127.0.0.1")
    print(f"port {server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
