"""Load tests of this server beside other servers, their stored results, and the tables and charts drawn from them."""
