"""The trainer. Its libraries read some settings once, so these are made before any module here imports one."""

from train import quiet

quiet.before_imports()
