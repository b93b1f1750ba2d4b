accelerate launch --num_cpu_threads_per_process 1 train_network.py --v2 --v_parameterization \
  --pretrained_model_name_or_path=stabilityai/stable-diffusion-2 --dataset_config=train-readme/captions.toml \
  --output_dir=out --output_name=sd2 --network_module=networks.lora --network_dim=8 --network_alpha=4 \
  --max_train_steps=1000 --learning_rate=1e-4 --lr_scheduler=constant_with_warmup --lr_warmup_steps=0.05 --mixed_precision=bf16
