//! The parlor binary's parts: HTTP, sockets and channels, rooms, and the embedded web app.
