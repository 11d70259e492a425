"""From an order to what enters the model and when: products, regimens, and the state of a course of treatment."""
