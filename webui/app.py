"""The route table: path -> handler -> what must be proven. What is not in it is not there; what has no rule is refused.

Two tables are built from it, one per connection: over plain HTTP (Open) only status, certificate and the way on exist.
Before any handler: the Host must be this box (else 421), and ``multipart/form-data`` is refused unread (415).
"""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from firmware import limits
from webui.dav import handler, names
from webui.dav.request import METHODS
from webui.pages import (
    activity,
    app_shell,
    assets,
    caps,
    care,
    circle,
    claim,
    coming,
    copies,
    cost,
    details,
    door,
    doors,
    drill,
    files,
    find,
    guide,
    keys,
    kit,
    live,
    members,
    moves,
    pairing,
    peer,
    photo,
    photos,
    places,
    porch,
    record,
    recover,
    regain,
    restore,
    returning,
    selection,
    share,
    shelf,
    shelf_restore,
    sure,
    taking,
    tus,
    updates,
)
from webui.pages import bin as thrown
from webui.pages.page import Page
from webui.route import Connection, Front, Proof, Route

_BOTH = (Connection.OPEN, Connection.PRIVATE)
_OPEN = (Connection.OPEN,)
_TLS = (Connection.PRIVATE,)
_READ, _LOOK, _FORM, _ACT = ("GET",), ("GET", "HEAD"), ("GET", "POST"), ("POST",)
_NOTHING, _CODE, _MEMBER = Proof.NOTHING, Proof.CODE, Proof.MEMBER
_FORM_BYTES = limits.JSON_BODY_BYTES
_ID = "([0-9a-f]{32})"
_UPLOADS, _SHARE = "/uploads", "/share"
_MEMBER_ID = "([0-9a-f]{16})"
_PEER = "([0-9a-f]{64})"
_PAIRING = "([ij][0-9]{1,9})"

ROUTES: tuple[Route, ...] = (
    Route("/", porch.Porch, _OPEN, _NOTHING, _LOOK),
    Route("/status", porch.BoxStatus, _BOTH, _NOTHING, _LOOK, json=True),
    Route("/ca.pem", porch.Certificate, _BOTH, _NOTHING, _LOOK),
    Route("/ca.crt", porch.CertificateFile, _BOTH, _NOTHING, _LOOK),
    Route("/ca.mobileconfig", porch.AppleProfile, _BOTH, _NOTHING, _LOOK),
    Route("/favicon.ico", assets.Favicon, _BOTH, _NOTHING, _LOOK),
    Route("/static/([a-z0-9.-]{1,64})", assets.Asset, _BOTH, _NOTHING, _LOOK),
    Route("/manifest.webmanifest", app_shell.Manifest, _TLS, _NOTHING, _LOOK),
    Route("/sw.js", app_shell.Worker, _TLS, _NOTHING, _LOOK),
    Route("/away", app_shell.Away, _TLS, _NOTHING, _LOOK),
    Route("/trusted", app_shell.Trusted, _TLS, _NOTHING, _ACT, json=True),
    Route("/.*", porch.Onward, _OPEN, _NOTHING, ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")),
    Route("/", door.Start, _TLS, _NOTHING, _LOOK),
    Route("/claim", claim.ClaimCode, _TLS, _NOTHING, _FORM),
    Route("/household", claim.Household, _TLS, _CODE, _FORM),
    Route("/passphrase", claim.Passphrase, _TLS, _CODE, _FORM),
    Route("/restore", restore.RestoreWords, _TLS, _CODE, _FORM),
    Route("/restore/friends", restore.RestoreFriends, _TLS, _CODE, _FORM),
    Route("/restore/found", restore.RestoreFoundPage, _TLS, _CODE, _FORM),
    Route("/restore/shelf", shelf_restore.ShelfRestorePage, _TLS, _CODE, _FORM),
    Route("/restore/shelf/progress", shelf_restore.ShelfRestoreProgress, _TLS, _CODE, _READ),
    Route("/restore/passphrase", restore.RestorePassphrase, _TLS, _CODE, _FORM),
    Route("/restore/progress", coming.Progress, _TLS, _MEMBER, _READ),
    Route("/kit", kit.KitPage, _TLS, _MEMBER, _FORM),
    Route("/kit/paper", kit.KitPaper, _TLS, _MEMBER, _READ),
    Route("/kit/check", kit.KitCheck, _TLS, _MEMBER, _FORM),
    Route("/kit/friends", kit.KitFriends, _TLS, _MEMBER, _READ),
    Route("/kit/prove", kit.KitProve, _TLS, _MEMBER, _FORM),
    Route("/guide", guide.GuidePage, _TLS, _NOTHING, _READ),
    Route("/open", door.Open, _TLS, _NOTHING, _FORM),
    Route("/open/passkey", doors.PasskeyOpen, _TLS, _NOTHING, _ACT, json=True),
    Route("/open/passkey/options", doors.PasskeyAsk, _TLS, _NOTHING, _ACT, json=True),
    Route("/recover", recover.Recover, _TLS, _NOTHING, _FORM),
    Route("/regain", regain.Regain, _TLS, _NOTHING, _FORM),
    Route("/join", members.Join, _TLS, _NOTHING, _FORM),
    Route("/join/passphrase", members.JoinPassphrase, _TLS, _NOTHING, _FORM),
    Route("/language", door.ChooseLanguage, _TLS, _NOTHING, _ACT),
    Route("/look", door.ChooseLook, _TLS, _NOTHING, _ACT),
    Route("/sure", sure.Sure, _TLS, _MEMBER, _FORM),
    Route("/lock", door.Lock, _TLS, _MEMBER, _FORM),
    Route("/leave", door.Leave, _TLS, _MEMBER, _FORM),
    Route("/home", places.Home, _TLS, _MEMBER, _READ),
    Route("/days", photos.Days, _TLS, _MEMBER, _READ),
    Route("/photos", photos.Photos, _TLS, _MEMBER, _READ),
    Route("/photos/days", photos.PhotoDays, _TLS, _MEMBER, _READ, json=True),
    Route("/photos/items", photos.PhotoItems, _TLS, _MEMBER, _READ, json=True),
    Route(f"/photos/item/{_ID}", photo.PhotoFacts, _TLS, _MEMBER, _READ, json=True),
    Route(f"/photo/{_ID}", photo.PhotoPage, _TLS, _MEMBER, _READ),
    Route(f"/photo/{_ID}/annotate", photo.Annotate, _TLS, _MEMBER, _FORM),
    Route(f"/photo/{_ID}/delete", photo.PhotoDelete, _TLS, _MEMBER, _FORM),
    Route("/selection/delete", selection.DeleteMany, _TLS, _MEMBER, _ACT, json=True),
    Route("/selection/undelete", selection.UndeleteMany, _TLS, _MEMBER, _ACT, json=True),
    Route("/selection/tag", selection.TagMany, _TLS, _MEMBER, _ACT, json=True),
    Route("/selection/zip", selection.ZipMany, _TLS, _MEMBER, _ACT),
    Route("/circle/shelf", shelf.ShelfPage, _TLS, _MEMBER, _FORM),
    Route("/circle/drill", drill.DrillPage, _TLS, _MEMBER, _FORM),
    Route("/circle/care", care.CarePage, _TLS, _MEMBER, _READ),
    Route("/circle/caps", caps.CapsPage, _TLS, _MEMBER, _FORM),
    Route(f"/circle/peer/{_PEER}", peer.PeerPage, _TLS, _MEMBER, _FORM),
    Route(f"/circle/peer/{_PEER}/leave", peer.PeerParting, _TLS, _MEMBER, _FORM),
    Route(f"/circle/peer/{_PEER}/stolen", keys.PeerStolen, _TLS, _MEMBER, _FORM),
    Route("/circle/keys", keys.KeysPage, _TLS, _MEMBER, _FORM),
    Route("/circle/keys/split", keys.KeySplit, _TLS, _MEMBER, _FORM),
    Route("/circle/keys/kept", keys.KeptParts, _TLS, _MEMBER, _FORM),
    Route("/copies", copies.CopiesMany, _TLS, _MEMBER, _ACT, json=True),
    Route("/find", find.Find, _TLS, _MEMBER, _READ),
    Route("/box", places.ThisBox, _TLS, _MEMBER, _READ),
    Route("/box/cost", cost.CostPage, _TLS, _MEMBER, _FORM),
    Route("/box/update", updates.UpdatePage, _TLS, _MEMBER, _FORM),
    Route("/box/passphrase", doors.NewPassphrase, _TLS, _MEMBER, _FORM),
    Route("/box/passkeys", doors.Passkeys, _TLS, _MEMBER, _FORM),
    Route("/box/passkeys/options", doors.PasskeyOptions, _TLS, _MEMBER, _ACT, json=True),
    Route("/box/passkeys/add", doors.PasskeyAdd, _TLS, _MEMBER, _ACT, json=True),
    Route("/box/log-ins", doors.LogIns, _TLS, _MEMBER, _FORM),
    Route("/box/apps", doors.Apps, _TLS, _MEMBER, _FORM),
    Route("/box/activity", activity.ActivityPage, _TLS, _MEMBER, _READ),
    Route("/take-home", taking.TakeHome, _TLS, _MEMBER, _READ),
    Route("/take-home/file", taking.TakeHomeFile, _TLS, _MEMBER, _READ),
    Route("/members", members.Members, _TLS, _MEMBER, _READ),
    Route("/members/invite", members.Invite, _TLS, _MEMBER, _FORM),
    Route("/members/restore", returning.MemberRestore, _TLS, _MEMBER, _FORM),
    Route("/members/invited", members.Invited, _TLS, _MEMBER, _READ, json=True),
    Route(f"/members/{_MEMBER_ID}", members.MemberPage, _TLS, _MEMBER, _FORM),
    Route(f"/members/{_MEMBER_ID}/leave", members.Leaving, _TLS, _MEMBER, _FORM),
    Route(f"/members/{_MEMBER_ID}/open", members.Ward, _TLS, _MEMBER, _ACT),
    Route("/back", members.WardBack, _TLS, _MEMBER, _ACT),
    Route("/circle", circle.CircleHome, _TLS, _MEMBER, _READ),
    Route("/circle/now", circle.SendNow, _TLS, _MEMBER, _ACT),
    Route("/circle/help", circle.HelpRestore, _TLS, _MEMBER, _READ),
    Route("/circle/let-go", circle.LetGo, _TLS, _MEMBER, _ACT),
    Route("/circle/moves", moves.Moves, _TLS, _MEMBER, _FORM),
    Route("/circle/invite", pairing.InviteFriend, _TLS, _MEMBER, _FORM),
    Route("/circle/join", pairing.JoinFriend, _TLS, _MEMBER, _FORM),
    Route("/circle/pairing", pairing.PairingNews, _TLS, _MEMBER, _READ, json=True),
    Route(f"/circle/pairing/{_PAIRING}", pairing.OnePairing, _TLS, _MEMBER, _FORM),
    Route("/invitation", pairing.Invitation, _TLS, _NOTHING, _LOOK),
    Route("/files", files.Files, _TLS, _MEMBER, _READ),
    Route("/files/many", files.FilesMany, _TLS, _MEMBER, _FORM),
    Route("/bin", thrown.Bin, _TLS, _MEMBER, _READ),
    Route("/bin/empty", thrown.BinEmpty, _TLS, _MEMBER, _FORM),
    Route("/bin/gone", thrown.BinGone, _TLS, _MEMBER, _FORM),
    Route("/bin/undelete", thrown.Undelete, _TLS, _MEMBER, _FORM),
    Route("/uploads", tus.Uploads, _TLS, _MEMBER, ("GET", "POST", "OPTIONS"), json=True),
    Route("/uploads/known", tus.Known, _TLS, _MEMBER, _ACT, json=True),
    Route(f"/uploads/{_ID}", tus.OneUpload, _TLS, _MEMBER, ("HEAD", "PATCH", "DELETE", "OPTIONS"), json=True),
    Route(names.PATTERN, handler.Dav, _TLS, Proof.APP, METHODS, json=True),
    Route("/share", share.Share, _TLS, _MEMBER, _ACT),
    Route("/live", live.Live, _TLS, _MEMBER, _READ, json=True),
    Route(f"/record/{_ID}", details.RecordPage, _TLS, _MEMBER, _READ),
    Route(f"/record/{_ID}/name", details.RecordName, _TLS, _MEMBER, _FORM),
    Route(f"/record/{_ID}/annotate", photo.Annotate, _TLS, _MEMBER, _FORM),
    Route(f"/record/{_ID}/revert", details.RecordRevert, _TLS, _MEMBER, _FORM),
    Route(f"/record/{_ID}/delete", details.RecordDelete, _TLS, _MEMBER, _FORM),
    Route(f"/record/{_ID}/file", record.RecordFile, _TLS, _MEMBER, _LOOK),
    Route(f"/preview/{_ID}/([0-9]{{1,4}})", record.RecordPreview, _TLS, _MEMBER, _LOOK),
)

_UNKNOWN = Route("", assets.NotHere, _BOTH, _NOTHING, ())


@stream_request_body
class Turned(Page):
    """A request that is turned away at the gate, its body unread."""

    SUPPORTED_METHODS = tuple({*Page.SUPPORTED_METHODS, *METHODS})

    def initialize(self, front: Front, route: Route, status: int = 421) -> None:
        """Remember with which status."""
        super().initialize(front, route)
        self._status = status

    async def prepare(self) -> None:
        """Let a body of modest size pass by first, so that the browser hears the answer; else say no at once."""
        connection: Any = self.request.connection
        connection.set_max_body_size(1 << 62)
        length = self.request.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit() and int(length) <= limits.WEB_REFUSED_BYTES):
            self._say_no()

    async def _turn_away(self, *_path: str) -> None:
        self._say_no()

    def _say_no(self) -> None:
        self.set_header("Connection", "close")
        raise HTTPError(self._status)

    get = head = post = put = patch = delete = options = _turn_away
    propfind = proppatch = mkcol = copy = move = lock = unlock = _turn_away

    def data_received(self, chunk: bytes) -> None:
        """Drop it."""


def _say_nothing(_handler: RequestHandler) -> None:
    """Keep no access log: addresses hold ids and words that were searched for."""


class Pages(Application):
    """The pages of one connection."""

    def __init__(self, front: Front, connection: Connection) -> None:
        """Serve the routes of ``connection``."""
        self._front = front
        rules = [
            (f"^{route.path}$", route.handler, {"front": front, "route": route})
            for route in ROUTES
            if connection in route.connections
        ]
        super().__init__(
            rules,
            default_handler_class=assets.NotHere,
            default_handler_args={"front": front, "route": _UNKNOWN},
            cross_origin_protection=True,
            xsrf_cookies=False,
            compress_response=False,
            serve_traceback=False,
            debug=False,
            log_function=_say_nothing,
        )

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Check Host and content type of every request, known address or not, then look into the table."""
        status = self._turned(request)
        if status:
            arguments = {"front": self._front, "route": _UNKNOWN, "status": status}
            return self.get_handler_delegate(request, Turned, arguments)
        return super().find_handler(request, **kwargs)

    def _turned(self, request: HTTPServerRequest) -> int:
        connection: Any = request.connection
        local = connection.stream.socket.getsockname()[0] if connection.stream.socket else ""
        hosts = request.headers.get_list("Host")
        if len(hosts) != 1 or not self._front.hosts.allows(hosts[0], local):
            return 421
        if request.path.startswith(names.ROOT + "/"):
            return 0  # a body is taken as it comes, after signing in
        if request.path == _SHARE and request.protocol == Connection.PRIVATE.value:
            return 0  # the one page that takes multipart, piece by piece
        if request.headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
            return 415
        length = request.headers.get("Content-Length", "0")
        is_short = length.isascii() and length.isdigit() and int(length) <= _FORM_BYTES
        return 0 if is_short or request.path.startswith(_UPLOADS) else 413
