"""Every bound in the house, with whom it guards against. Sizes in bytes, times in the unit the name says."""

from __future__ import annotations

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

WHOLE_FILE_BYTES = 256 * KIB
"""Files up to this size are one chunk; below it content-defined cuts cost more rows than they save bytes."""

SEGMENT_BYTES = 1 * MIB
"""Chunks sealed together; bounds what one read must open and what one flipped bit can take away."""

PACK_BYTES = 16 * MIB
"""Largest pack; bounds what a repack rewrites and what one peer transfer carries."""

GROUP_COMMIT_BYTES = 4 * MIB
GROUP_COMMIT_FILES = 512
GROUP_COMMIT_SECONDS = 0.05
"""A put is acknowledged at the latest after this much more data, files or time; bounds what a crash repeats."""

GROUP_COMMIT_BYTES_MAX = 16 * MIB
GROUP_COMMIT_FILES_MAX = 1024
GROUP_COMMIT_SECONDS_MAX = 0.5
"""The same while uploads keep coming and the disk is so slow that it would do little else than sync."""

GROUP_COMMIT_WORK = 3
"""Under load a group takes in data at least this many times as long as the last commit took."""

TEXT_INDEX_BYTES = 64 * KIB
"""Searchable text taken from one record; a dictionary file must not drown the index."""

TEXT_INLINE_BYTES = 64 * KIB
"""Text files up to this size live in meta packs, so that the catalog can be rebuilt without data packs."""

CATALOG_CACHE_KIB = 4 * 1024
"""Page cache of one catalog connection; bounds memory on a 1 GiB board."""

BIN_DAYS = 30
"""Days a deleted record stays exactly recoverable."""

READER_SECONDS = 20
READER_RSS_BYTES = 192 * MIB
READER_PIXELS = 64_000_000
READER_INPUT_BYTES = 64 * MIB
READER_OUTPUT_BYTES = 4 * MIB
"""One reader child: a bomb costs one preview, never the upload."""

HEADER_BYTES = 16 * KIB
JSON_BODY_BYTES = 64 * KIB
"""HTTP heads and JSON bodies; a stranger on the LAN must not fill memory."""

UPLOAD_BYTES = 128 * GIB
"""One declared upload; refused before the first byte when the disk cannot hold it."""

FREE_RESERVE_BYTES = 64 * MIB
"""Never filled by puts: room for the catalog to go on reading and deleting when the disk is full."""

PAGE_RECORDS = 200
"""Most records in one answer."""

CLAIM_TRIES_PER_MINUTE = 5
PASSPHRASE_TRIES_PER_MINUTE = 6
"""Guesses before the throttle closes for a minute."""

SESSION_IDLE_SECONDS = 12 * 3600
SESSIONS_PER_MEMBER = 32
"""Live sessions; an idle one ends, the oldest gives way."""

ARGON2_FLOOR_KIB, ARGON2_FLOOR_ITERATIONS = 64 * 1024, 3
ARGON2_CEILING_KIB, ARGON2_MAX_ITERATIONS, ARGON2_MAX_LANES = 256 * 1024, 64, 16
ARGON2_TARGET_NS = 1_000_000_000
"""Cost of one passphrase guess: the floor guards against a downgraded key file and a thief with many processors, the
ceiling against a key file that eats all memory of the box, the target is what a member waits."""

PASSPHRASE_BYTES = 1024
PASSPHRASE_BITS = 50
"""Longest passphrase taken (a stranger must not make Argon2id hash a book), weakest one accepted (log2 of guesses)."""

FRIENDS_LEAST, FRIENDS_MOST = 2, 16
"""Parts of a friends' key that open it at least, parts there are at most; guards against one friend alone."""

PART_WAIT_SECONDS, HEIR_DAYS, PART_TICKET_SECONDS = 72 * 3600, 30, 72 * 3600
"""How long everybody may say no before a part is given, how long a box is silent before its heir may ask, how long
a friend's ticket is good; guards an owner whose friends were talked round, against an heir in a hurry."""

PART_ASKS, PART_TRIES = 4, 5
"""Boxes that may ask for one part at a time, wrong askers an hour; guards a friend's box against impostors."""

KIT_TEXT_CHARS = 4096
"""Longest text parsed as 24 words; guards the lock page against pasted books."""

KEY_FILE_SLOTS, KEY_FILE_EPOCHS = 64, 65_536
KEY_FILE_BYTES = 4 * MIB
"""Most ways in, epochs and bytes of one key file; guards a restorer against a file a peer made up."""

CA_DAYS, LEAF_DAYS = 3650, 90
"""Life of the box's own certificate authority and of the certificate browsers see."""

HOST_NAMES = 9
"""``locker-ab12``, ``locker-ab12-2`` ...: bounds what a hostile neighbour who answers for every name can cost."""

HSTS_SECONDS = 365 * 86_400
"""How long a browser that trusts the box insists on the private connection."""

LEAF_RENEW_DAYS = 30
"""A leaf with less left is issued again; leaves time for a box that was in a cupboard."""

BULK_BLOCK_BYTES = 16 * MIB
"""Longest block inside a bulk stream; the parser keeps none of it, so this only refuses nonsense early."""

API_CHUNK_BYTES = 256 * KIB
"""Read and written at once on a local socket; larger pieces measured no faster."""

API_SEND_BYTES = 1 * MIB
"""Socket buffer asked for where a whole locker is sent: fewer wake-ups; the kernel may grant less."""

PUT_QUEUE_BYTES = 1 * MIB
"""Received but not yet stored, over all uploads of one locker; then the socket has to wait."""

ACK_BYTES = 1 * MIB
"""Acknowledgements a client has not read yet; then its upload waits."""

CALL_SECONDS = 900
"""Longest a client waits for the head of an answer (a rebuild of a large locker takes minutes)."""

API_BODY_SECONDS, API_IDLE_SECONDS = 60, 300
"""A local client that stops in the middle of a JSON body, or of a head or an upload (per piece)."""

READERS = 4
"""Downloads and listings served at once by one locker; each costs one catalog connection."""

VISIT_DAYS = 30
"""An open locker nobody visits locks itself after this many days."""

ENDED_SESSIONS = 256
"""Ended sessions a locker remembers, to answer "locked" instead of "not allowed"."""

WEB_SESSIONS = 256
"""Browsers at once; a stranger who only knocks must not fill the memory of the web front."""

INVITATIONS, INVITATION_SECONDS = 8, 14 * 60
"""Open invitations at once, and how long one waits: less than the proof of the owner who made it (STEP_UP_SECONDS).
Guards the memory of the web front, and a household against an invitation left lying about."""

WEB_SETUP_SECONDS = 2 * 3600
"""A set-up left half way (its claim code is in memory) is forgotten after this long without a page."""

WEB_IDLE_SECONDS = 60
WEB_BODY_SECONDS = 30
"""A stranger who opens connections, or sends a form byte by byte, must not hold them for ever."""

WEB_STALL_SECONDS = 120
"""An upload whose browser sends nothing for this long is cut; guards open puts against phones that fell asleep."""

WEB_UPLOADS_AT_ONCE = 24
"""Files of one member that arrive at the same time, over all her devices; each may fill WEB_BUFFER_BYTES."""

LIVE_STREAMS, LIVE_BEAT_SECONDS = 3, 20
"""Streams of news one browser keeps open, and how often each shows that it lives: a phone notices a dead line."""

WEB_REFUSED_BYTES = 64 * MIB
"""Read and dropped after an upload was refused, so that the browser hears the reason; then the line is cut."""

WEB_PIECES = 4
WEB_CHUNK_BYTES = 64 * KIB
WEB_BUFFER_BYTES = 1 * MIB
"""What one upload or download may keep in the memory of the web front; beyond it the other side waits."""

WEB_FORM_FIELD_CHARS = 4096
"""Longest field kept for a form whose session ended; guards memory against pasted books."""

TAGS_PER_RECORD, TAG_CHARS, NOTE_CHARS = 32, 64, 10_000
"""What a member may write on one record; guards the catalog and its word index against pasted books."""

GRID_ITEMS = 2000
"""Most items of the day grid in one answer."""

PREVIEWS_WANTED = 64
"""Previews asked for that are not made yet; the newest wishes stay. Guards against a page that asks for everything."""

KNOWN_FILES, KNOWN_BYTES = 100, 256 * MIB
"""Files a client may ask about at once, and bytes hashed to answer; what lies beyond is simply sent again."""

UPLOADS_OPEN, UPLOADS_DONE = 1000, 10_000
UPLOAD_DAYS, UPLOAD_DONE_DAYS = 7, 1
"""Unfinished uploads kept and finished ones remembered, and for how long without a byte; a phone that lost interest
must not hold room for ever."""

WATCHERS, WATCH_WAITING = 32, 1000
WATCH_BEAT_SECONDS = 15
"""Listeners on one locker at once, news kept for a slow one (then it is told to look again), and the pulse."""

STEP_UP_SECONDS = 15 * 60
"""How long a proven passphrase counts for what cannot be undone; guards a telephone left on the table."""

APP_TRIES_PER_MINUTE = 12
APP_PASSWORDS, APP_SESSIONS = 32, 8
"""Wrong app passwords a minute, app passwords of one member, live sessions of one of them; guards against a program
that tries for ever or opens a session for every file."""

PASSKEYS, PASSKEY_CHARS = 16, 16 * KIB
PASSKEY_SECONDS = 300
"""Passkeys of one member (each is a page of the key file), longest answer of a browser, life of a challenge; guards
against a page that sends back novels or an answer somebody recorded."""

DOORS_BYTES = 256 * KIB
"""Longest list of app passwords and passkeys; guards the opening of a locker against a file somebody blew up."""

ACTIVITY_BYTES, ACTIVITY_BATCH = 1 * MIB, 256
ACTIVITY_MERGE_SECONDS = 600
"""One file of a member's activity (there are two, the older one gives way), entries sealed together, and how long
things that happen again and again (wrong tries, uploads) are counted into one entry: neither a burglar who tries all
day nor a telephone that uploads all night can push the rest out of the list."""

GUARDIAN_YEARS = 25
"""Longest guardianship; guards against a date typed wrongly."""

FOLDER_NOTE_BYTES = 24 * KIB
"""What native clients may note about one folder and its files (dead properties of WebDAV); guards against an app
that uses a locker as its database."""

DAV_XML_BYTES, DAV_XML_DEPTH, DAV_XML_ELEMENTS = 64 * KIB, 32, 1000
"""Bodies of WebDAV requests; guards the web front against XML that grows when it is understood."""

DAV_LOCKS, DAV_LOCK_SECONDS = 256, 3600
"""Locks of one member in the memory of the web front and how long one lasts unless it is renewed."""

DAV_IF_BYTES, DAV_IF_LISTS = 8 * KIB, 64
"""Longest If header and most lists in it: each may ask the locker for another resource."""

DAV_DEVICES = 64
"""Signed-in devices the web front remembers; a further one makes the longest unused sign in again."""

DAV_WRONG_SECONDS = 60
"""A password that was wrong is not tried again for this long, so that one old device does not use up the tries."""

DAV_PROBE_SECONDS = 60
"""A session unused for this long is tried before a request relies on it."""

DAV_SHADOW_BYTES = 1 * MIB
"""What Finder writes beside files (._name, .DS_Store), kept in memory for one member; the oldest gives way."""

DAV_PAGE = 500
"""Entries of a folder fetched at once for a WebDAV listing; the answer is streamed, so nothing else is held."""

LINES_RECORDS = 24
"""Records in which one search looks for the line its words stand in; each costs reading one link of the chain."""

NEAR_TERMS = 20_000
"""Indexed words compared with one that was not found; bounds the CPU of a typing mistake."""

PEER_HANDSHAKES, PEER_HANDSHAKES_CALM = 256, 50
PEER_HANDSHAKE_SECONDS = 5
"""Handshakes of strangers at once; beyond the calm number an address must first prove that it is no forgery (another
round trip, and no amplification). Guards the CPU and the memory of peerd against a flood."""

PEER_LINKS, PEER_LINKS_EACH, PEER_LINKS_INVITED = 64, 3, 1
"""Connections at once: in all, of one peer (two boxes may dial each other in the same moment), of somebody who is
only invited. Each may park 119 MiB of unread bytes before peerd can act; MemoryMax of the unit is the last word."""

PEER_REQUESTS = 16
"""Requests of one link answered at the same time; the next ones wait in the other box."""

PEER_READ_BYTES = 192 * KIB
PEER_WRITE_BYTES, PEER_WRITE_SLOW_BYTES = 256 * KIB, 16 * KIB
"""Read or written at once on a stream. 1 MiB would spare a few wake-ups; but buffers below 512 KiB are used again
instead of being mapped, cleared and unmapped each time, which costs more, and shards on their way then take a
third of the memory. Without the copy patch 16 KiB keep one write below 5 ms, so that a slow library makes a slow backup
and not a box that does not answer."""

PEER_DIAL_SECONDS, PEER_PING_SECONDS, PEER_CLOSE_SECONDS = 8, 5, 5
"""Longest wait for a connection, for the answer to a ping, for the goodbye to all peers."""

PEER_PING_EVERY_SECONDS, PEER_PINGS_MISSED = 15, 3
"""How often a link is asked whether it lives, and how many answers may be missing before it is given up: a router
that restarts (10 s) costs no connection, a peer that was unplugged is noticed within half a minute."""

PEER_PAUSES_SECONDS = (1, 2, 5, 15, 60)
"""Pauses between attempts to reach a peer; the last one repeats. Guards the networks of friends who are away."""

PEER_ADDRESSES, PEER_ADDRESS_CHARS = 16, 64
"""Addresses of one peer, and the length of one; guards against a card that makes this box knock at a thousand doors."""

NEIGHBOURS = 64
"""Boxes remembered from the home network's announcements; a hostile neighbour may invent any number."""

SHARD_LEAF_BYTES = 16 * KIB
"""Leaf of a shard's hash tree; what one audit question costs its host to read."""

PEER_HEAD_BYTES, PEER_HEAD_ITEMS = 64 * KIB, 8192
"""Longest head of a request or an answer between boxes, and most values in it; guards a box against a peer that makes
it set aside or take apart more than a question is worth."""

PEER_BODY_BYTES = 16 * MIB + 64 * KIB
"""Longest body that follows a head (a whole pack as one shard); it is passed on in pieces and never held."""

PEER_PIECE_BYTES = 1 * MIB
"""Longest body that is held whole: a piece of a shard on its way back, a part of a manifest. Guards memory."""

PEER_STRANGER_BYTES = 4 * KIB
"""Longest head of a box that only has an invitation."""

PEER_PUTS = 4
"""Shards one peer sends at the same time, of its PEER_REQUESTS; each keeps a file open."""

PEER_SHARDS_ASKED, PEER_AUDIT_LEAVES, PEER_PROOF_LEAVES, PEER_LOCKERS = 1000, 512, 32, 64
"""Shards in one question, leaves in one audit, leaves given with their proofs, lockers in one request; each costs the
host a look-up or a read of 16 KiB, and a peer that asks for more is not in a hurry but wants to hurt."""

PEER_SHARD_COUNT, PEER_HOSTS = 64, 4
"""Most shards of one pack and hosts of one shard in a request to rebuild; the largest layout has 14."""

PEER_MANIFEST_PARTS, PEER_MANIFEST_ROWS = 64, 4096
"""Parts of one manifest and packs in one part; a quarter of a million packs are four terabytes."""

PEER_CARDS, PEER_INTRODUCED, PEER_REPAIRS, PEER_LISTED_BYTES = 16, 256, 256, 4 + 32 * 32
"""Cards in one answer, boxes one peer may introduce, repairs told at once, longest proof that a permit lists a shard:
a peer that introduces the whole world, or a delegate that talks without end, fills no memory."""

PEER_INTRODUCED_DAYS, PEER_PERMIT_DAYS = 396, 396
"""How long an introduction and a permit may hold without the owner's box being heard: as long as a lease runs."""

PEER_CAPSULE_BYTES = 64 * KIB
"""A capsule has exactly this size, so that it says nothing by its length."""
CAPSULE_KEY_BYTES = 36 * KIB
"""Longest key file that goes into a capsule, some 600 epochs; guards the rest of it."""

CIRCLE_FRIENDS, CIRCLE_PAGES = 64, 256
"""Friends' cards and pages of the book in the circle part of a capsule; guards whoever reads one against a long one."""

KIT_TRIES, KIT_TRIES_SECONDS, KIT_ADDRESSES = 5, 3600, 256
"""Kits that may be tried wrongly at one box from one address in an hour (once so many were in all, every further
address has one), and addresses remembered. Guards against guessing, and whoever comes back against whoever guesses."""

KIT_LOCKERS = 64
"""Lockers one host may find for one kit; only a peer that copies another's kit makes more than one."""

KIT_LINKS, KIT_LINK_SECONDS = 2, 60
"""Connections of strangers who may ask with a kit, and how long one may last; guards the other links."""

BOOK_PACKS = 1000
"""Packs on one page of the book; twice as many, and so on, where that would make more pages than a capsule may name.
Guards against sending a large book again for one pack that moved."""

BOOK_PAGE_PACKS, BOOK_PAGE_BYTES = 64_000, 16 * MIB
"""Most packs on a page and longest page that is read; guards whoever comes back against a page that never ends."""

PEER_HANDOVERS = 16
"""Times the custody of one locker went over to another kit that a host follows; guards the folder of a place."""
PEER_SIGNED_BYTES = 2 * KIB
"""Longest card, custody record, permit or receipt."""

PEER_NOTICE_BYTES, PEER_SAY_BYTES = 500, 200
"""Longest words of another household, and of another box that says no; a page shows them as text."""

PEER_LABEL_BYTES = 63
"""Longest name a box gives itself; as long as a name in DNS may be."""

PEER_TRIES = 5
"""How often one shard is begun again after the line broke or the peer said no; then it waits its turn."""

CARD_DAYS = 90
"""Life of the card a box shows; renewed at half of it. Guards against addresses of a box that is no more."""

CIRCLE_ROOM_BYTES = 20 * GIB
"""Given to a new friend when the owner named no size; guards the disk, and the owner changes it at any time."""

PEER_STREAM_SECONDS, PEER_ANSWER_SECONDS = 60, 120
"""Until a request's next bytes; until an answer once all was sent (a slow disk reads a whole shard). Guards tasks."""

BADGES_AT_ONCE = 200
"""Records a page asks about together; guards the locker's readers against one browser."""

FEED_PACKS, FEED_BYTES = 1000, 2 * MIB
"""Packs in one page of what lockerd tells peerd, and its size; guards peerd's memory against a large household."""

FEED_KEY_CHARS = MIB
"""Longest key file (in base64) that peerd is told for shelves; some twenty thousand epochs."""

SHELF_BATCH_BYTES, SHELF_BATCH_PACKS = 32 * MIB, 64
"""Packs made durable on a shelf together; guards the owner, who loses at most this much work by pulling the disk."""

SHELF_KEEP_DAYS, SHELF_PERCENT = 30, 20
"""How long a pack stays on a shelf after its locker does without it, and how much of a locker goes within that time;
guards yesterday's files against whoever took over a session."""

SHELF_CHECK_DAYS = 28
"""Every pack on a shelf that stays plugged in is read back once in so many days; guards against disks that rot."""

SHELF_PAPERS = 3
"""Key files, heads and capsules of one locker that stay on a shelf; guards against one that is damaged."""

SHELF_LISTED = 4096
"""Packs of a shelf named in one answer while a locker comes back from it; guards lockerd against a list without end."""

SHELF_MOST = 16
"""Shelves one box knows; guards the page and the hourly look at disks."""

DRILL_BYTES, DRILL_PACKS = 64 * MIB, 64
"""What one rehearsal of a restore takes back from friends at most; guards everybody's line, and this box's disk."""

DRILL_SAMPLE, DRILL_FILES = 1000, 200
"""Files drawn for a rehearsal, and compared in it; guards the machine against hours of reading."""

LIVE_CIRCLE_SECONDS = 5
"""Between two looks at the circle for a browser that looks at the box; guards peerd against many of them."""

KIT_CONTACT_CHARS = 1200
"""What the square on a kit's page says of friends; guards a phone's camera against a square too fine to read."""

HOST_BLOCK_BYTES = 4 * KIB
"""What a peer's shard costs is a multiple of this, as on the disk; guards the disk against a million tiny ones."""

HOST_FREE_BYTES, HOST_FREE_SHARE = 2 * GIB, 0.05
"""Of the disk, what peers' shards never fill (the larger of the two); guards the household's own locker."""

HOST_RESERVED_SECONDS = 24 * 3600
"""How long room is held for a peer that asked for it and sends nothing; guards the other peers' room."""

HOST_LOCKERS, HOST_PARTS, HOST_DELETES = 64, 64, 1024
"""For one peer: lockers, shards that are there in part, deletes that wait; each costs memory, a folder or a file."""

HOST_WRITE_BYTES = 64 * KIB
"""A peer's bytes are gathered to this size before they are written; larger buffers cost memory and save no time."""

HOST_PART_DAYS = 7
"""A part of a shard that nobody went on with for so long goes; guards the peer's own quota against broken lines."""

HOST_DELETE_DAYS, HOST_LEAVE_DAYS = 30, 30
"""From a peer's wish that shards go, or its leaving, to their going; guards it against whoever took over its box."""

HOST_PAUSE_SECONDS = 24 * 3600
"""Most that a pause between two runs counts as time lived; guards peers against a host whose clock was moved."""

HOST_WAVE_SHARDS = 20
"""From this many on, a fifth of a locker asked away is a wave that a person should see."""

HOST_AWAY_DAYS, HOST_LEASE_DAYS, HOST_NOTICE_DAYS = 7, 396, 60
"""Silence until a locker's household is shown as away; until notice may be given (13 months: one whole holiday season
more than a year); from the notice to the end. Guards households with long absences."""

CUSTODY_HEARD_SECONDS, CUSTODY_WAIT_SECONDS = 24 * 3600, 72 * 3600
"""Where the old box was heard so lately, a new one waits so long; guards an owner whose kit was stolen."""

CAPSULES_NEWEST, CAPSULE_DAYS, CAPSULE_MONTHS = 3, 30, 13
"""Capsules that stay: the latest, the first of each day and of each 30 days; 46 at most. Guards against a thief who
sends many so that the right ones go."""

PAIR_WORD_SECONDS, PAIR_TICKET_SECONDS, PAIR_COMPARE_SECONDS = 600, 72 * 3600, 600
"""Life of six words, of a ticket, and of two codes waiting for two owners; guards against an invitation left lying
about, and against an owner who confirms what she no longer remembers."""

PAIR_TRIES, PAIR_OPENS, PAIR_STALE_SECONDS = 5, 64, 30
"""Wrong proofs that end an invitation, attempts begun in all (each costs SPAKE2, some ten ms), and how long an attempt
keeps others waiting; guards six words against guessing and the CPU against a neighbour who only knocks."""

PAIR_INVITATIONS = 4
"""Invitations to the circle open at once."""

CONTACT_CARDS, CONTACT_CHARS = 8, 16 * KIB
"""Friends' boxes in one contact (kit sheet, *Help someone restore*), and its letters; guards against a long text."""

RESTORE_CONTACTS = 16
"""Contacts one restore is given; guards against a browser that sends a book."""

CONTACT_SHOWN_SECONDS, CONTACT_SHOWN_BYTES = 1800, 800
"""How long a box shows its card at home after *Help someone restore* was opened, and how long a card may be that is
shown so: guards the home network's packets, and an owner who forgot the page."""

RESTORE_PACKS = 2
"""Packs of a restore on their way at a time, each from as many friends as it takes; each is held in memory once or
twice: guards the memory of both services."""

RESTORE_KEPT = 250
"""Packs told to peerd at a time when they are here again; guards its memory."""

PAIR_TICKET_CHARS = 4096
"""Longest text read as an invitation; guards the page against pasted books."""

RELEASE_INDEX_BYTES, RELEASE_SIGNATURES = 16 * KIB, 8
RELEASE_LANGUAGES, RELEASE_NOTE_CHARS = 8, 600
"""Index of a release, signatures under it, languages and length of what it says; guards against an endless file."""

BUNDLE_BYTES = 1 * GIB
"""Largest system a signed index may name; guards the data partition, where it waits for its hour."""

UPDATE_STARTS = 2
"""How often a version that left no word is tried: the current may have gone during the first. Guards against a loop."""

UPDATE_CHECKS, UPDATE_CHECK_SECONDS = 15, 60
"""Looks at a new system until it counts as unhealthy, and the time between them; guards against waiting for ever."""

UPDATE_MEMORY_BYTES = 16 * KIB
"""Largest file the box reads as its memory of updates; guards against a disk that returns anything."""
