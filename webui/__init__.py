"""The pages of the box: server-rendered HTML and hand-written modules. They hold no key and open no locker."""
