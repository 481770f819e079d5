//! What browser and server say to each other: the types of Parlor's signalling protocol.
