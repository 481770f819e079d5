//! A world of simulated browsers and networks in simulated time, and the load that benches need.
