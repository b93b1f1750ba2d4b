accelerate launch --num_cpu_threads_per_process 1 train_network.py \
  --pretrained_model_name_or_path=model.safetensors --dataset_config=train-readme/captions.toml \
  --output_dir=out --output_name=style --network_module=networks.lora --network_dim=16 --network_alpha=8 \
  --max_train_steps=4000 --unet_lr=1e-4 --text_encoder_lr=5e-5 --optimizer_type=AdamW \
  --optimizer_args weight_decay=0.01 betas=.9,.999 --lr_scheduler=cosine_with_restarts --lr_scheduler_num_cycles=1 \
  --mixed_precision=bf16 --max_token_length=150 --weighted_captions --noise_offset=0.05 --adaptive_noise_scale=0.005 \
  --min_snr_gamma=5 --max_data_loader_n_workers=2 --persistent_data_loader_workers --logging_dir=logs \
  --log_prefix=style_ --log_with=tensorboard --log_tracker_name=style --save_every_n_steps=500 --save_precision=fp16 \
  --sample_every_n_steps=500 --sample_at_first --sample_prompts=train-readme/prompts.txt --sample_sampler=k_euler_a
